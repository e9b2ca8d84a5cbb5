import type { Command } from 'commander'
import type { CommandContext } from '../context.js'

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
    .action(async (options) => (await import('./run-service.js')).runService(terminal, options))
}
