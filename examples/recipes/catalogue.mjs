// Reads a catalogue. LATCHKEY_URL and LATCHKEY_API_KEY are in the environment.
import { Latchkey } from 'latchkey/client'

const latchkey = new Latchkey()
const answer = await latchkey.fetch('catalog/search?limit=5')
if (!answer.ok) throw new Error(`The catalogue answered ${answer.status}`)
for (const item of (await answer.json()).features) console.log(item.id)
