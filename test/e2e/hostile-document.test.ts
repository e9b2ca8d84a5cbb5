import { describeDocumentAttack } from '../hostile/document-attack.js'

// A short look, for as long as Keycloak takes to start; the long one is a soak test.
describeDocumentAttack({ seeds: [4], seconds: 6 })
