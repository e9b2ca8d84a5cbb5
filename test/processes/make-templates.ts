// A process that makes the templates of the test databases in the place that it is given.
import { makeTemplates } from '../support/templates.js'

const [place] = process.argv.slice(2)
if (place === undefined) throw new Error('usage: make-templates.js PLACE')
await makeTemplates(place)
process.exit()
