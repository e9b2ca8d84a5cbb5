import { describeRevocations } from './journeys/revocations.js'

// The long run is test/soak/replicas.test.ts.
describeRevocations(30)
