const common = {
  'User-Agent': 'python-requests/2.32.3',
  'Accept-Encoding': 'gzip, deflate',
  Accept: '*/*',
  Connection: 'keep-alive',
}

/**
 * A whole request, as the Python library requests sends it.
 * @param credential headers beyond those of every request
 * @param prefix of the path, where the service stands behind one
 */
export const asRequest = (port: number, credential: Readonly<Record<string, string>>, prefix = ''): string =>
  writeRequest(`GET ${prefix}/collections/sentinel-2`, port, credential)

/** The same with a JSON body. */
export function asPost(port: number, path: string, body: object): string {
  const json = JSON.stringify(body)
  const headers = { 'Content-Length': String(Buffer.byteLength(json)), 'Content-Type': 'application/json' }
  return writeRequest(`POST ${path}`, port, headers) + json
}

function writeRequest(call: string, port: number, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ Host: `127.0.0.1:${port}`, ...common, ...headers })
  return `${call} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}
