import type { Terminal } from '../terminal.js'

export interface ServeOptions {
  singleUser?: boolean
  allowRemote?: boolean
  host?: string
  port?: string
  gatewayPort?: string
  publicUrl?: string
  dataDir?: string
}

/** Runs the service in this process, as `npm start` does. */
export async function runService({ env }: Terminal, options: ServeOptions): Promise<void> {
  // The service reads and checks its settings from the environment, which in a terminal is the process's own.
  Object.assign(env, toSettings(options))
  // The service handles SIGINT itself.
  process.removeAllListeners('SIGINT')
  await import('../../server.js')
}

function toSettings(options: ServeOptions): Record<string, string> {
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
