import { describeDocumentAttack } from '../hostile/document-attack.js'

describeDocumentAttack({ seeds: [20261121, 1729], seconds: 120 })
