import { describeTerminalCommands } from './journeys/terminal-commands.js'
import { useEmbeddedWorld } from './journeys/world.js'

const world = useEmbeddedWorld()

describeTerminalCommands(world, 'latchkey:catalog_write')
