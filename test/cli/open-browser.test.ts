import { expect, test } from 'vitest'
import { canOpenBrowser } from '../../src/cli/login/open-browser.js'

test.each<[string, Record<string, string>, NodeJS.Platform]>([
  ['a desktop', { DISPLAY: ':0' }, 'linux'],
  ['a desktop without X', { WAYLAND_DISPLAY: 'wayland-0' }, 'linux'],
  ['ssh that forwards a display', { DISPLAY: 'localhost:10.0', SSH_CONNECTION: 'a' }, 'linux'],
  ['Linux in Windows', { WSL_DISTRO_NAME: 'Debian' }, 'linux'],
  ['macOS', {}, 'darwin'],
  ['Windows', {}, 'win32'],
])('a browser can be opened on %s', (_what, env, platform) => {
  expect(canOpenBrowser(env, platform)).toBe(true)
})

test.each<[string, Record<string, string>, NodeJS.Platform]>([
  ['a console', {}, 'linux'],
  ['an empty display', { DISPLAY: '' }, 'linux'],
  ['ssh', { SSH_CONNECTION: 'a' }, 'linux'],
  ['ssh to a Mac', { SSH_TTY: '/dev/ttys000' }, 'darwin'],
  ['a desktop whose user wants none', { DISPLAY: ':0', BROWSER: 'none' }, 'linux'],
])('no browser can be opened on %s', (_what, env, platform) => {
  expect(canOpenBrowser(env, platform)).toBe(false)
})
