import { describeDocumentAttack } from '../hostile/document-attack.js'
import { reportFigures } from './support/report.js'

describeDocumentAttack({ seeds: [20261121, 1729], amount: { seconds: 120 }, report: reportFigures })
