import { describeRevocations } from '../e2e/journeys/revocations.js'
import { reportFigures } from './support/report.js'

describeRevocations(1000, 20, reportFigures)
