import { describeRevocations } from '../e2e/journeys/revocations.js'

describeRevocations(1000)
