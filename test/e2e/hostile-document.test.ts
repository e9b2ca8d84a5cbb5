import { describeDocumentAttack } from '../hostile/document-attack.js'

// A short look, which does not depend on how fast the machine is; the long one is a soak test.
describeDocumentAttack({ seeds: [4], amount: { examples: 2 } })
