/** Whether a browser that is opened here would be seen by whoever sits at the terminal. */
export function canOpenBrowser(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
): boolean {
  if (env.BROWSER === 'none') return false
  // A display that ssh forwards is as good as one here.
  if (env.DISPLAY || env.WAYLAND_DISPLAY) return true
  if (env.SSH_CONNECTION || env.SSH_TTY) return false
  return platform === 'win32' || platform === 'darwin' || Boolean(env.WSL_DISTRO_NAME)
}

/** Whoever has no browser that opens finds the address in the terminal. */
export async function openBrowser(address: string): Promise<void> {
  const { default: open } = await import('open')
  await open(address).catch(() => {})
}
