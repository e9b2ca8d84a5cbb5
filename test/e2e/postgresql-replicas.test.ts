import { describeRevocations } from './journeys/revocations.js'

// The long run is test/soak/replicas.test.ts, which holds the 20 ms that are promised. Of 30, the slowest counts, and it
// shares the machine with two other files.
describeRevocations(30, 100)
