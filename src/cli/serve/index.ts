import type { Command } from 'commander'
import type { CommandContext } from '../context.js'

interface ServeOptions {
  singleUser?: boolean
  allowRemote?: boolean
  host?: string
  port?: string
  gatewayPort?: string
  publicUrl?: string
  dataDir?: string
}

/** Adds `latchkey serve`: the service itself, as `npm start` runs it. */
export function addServeCommand(program: Command, { terminal }: CommandContext): void {
  program
    .command('serve')
    .description('run the service here; options go before the settings in the environment and in .env')
    .option('--single-user', 'for one person: no logins, and one key with all rights, which the start prints')
    .option('--allow-remote', 'let other machines reach it with --single-user')
    .option('--host <address>', 'address to listen on (default: this machine only)')
    .option('--port <port>', 'port to listen on (default: 3000)')
    .option('--gateway-port <port>', 'port of the gateway, or off (default: 3001)')
    .option('--public-url <url>', 'where people reach it')
    .option('--data-dir <folder>', 'folder of the embedded database (default: ./data)')
    .action(async (options: ServeOptions) => {
      // The service reads its settings, and checks them, from the environment, which in a terminal is the process's own.
      Object.assign(terminal.env, asSettings(options))
      // The service ends by itself, after the requests under way; before it is up Ctrl-C ends it at once.
      process.removeAllListeners('SIGINT')
      await import('../../server.js')
    })
}

function asSettings(options: ServeOptions): Record<string, string> {
  const settings = {
    SINGLE_USER: options.singleUser === true ? 'true' : undefined,
    SINGLE_USER_ALLOW_REMOTE: options.allowRemote === true ? 'true' : undefined,
    HOST: options.host,
    PORT: options.port,
    GATEWAY_PORT: options.gatewayPort,
    PUBLIC_URL: options.publicUrl,
    DATA_DIR: options.dataDir,
  }
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
