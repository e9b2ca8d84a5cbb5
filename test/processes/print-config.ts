// In a process of its own, since it is about the working folder and the environment of a process.
import { loadConfig, readEnvironment } from '../../src/config/load.js'

try {
  const { port, keys, host, adminRole } = loadConfig(readEnvironment())
  process.stdout.write(JSON.stringify({ port, prefix: keys.prefix, host, adminRole }))
} catch (error) {
  process.stdout.write(String(error))
}
process.exit()
