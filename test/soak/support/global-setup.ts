import { prepareMachine } from '../../e2e/support/prepare-machine.js'

/**
 * Installs what lacks. Nothing is begun here: what goes on beside a soak test changes its figures, so each file starts
 * what it needs.
 */
export default prepareMachine
