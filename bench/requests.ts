/**
 * A whole request, as the Python library requests sends it.
 * @param credential headers beyond those of every request
 * @param prefix of the path, where the service stands behind one
 */
export function asRequest(port: number, credential: Readonly<Record<string, string>>, prefix = ''): string {
  const headers = {
    Host: `127.0.0.1:${port}`,
    'User-Agent': 'python-requests/2.32.3',
    'Accept-Encoding': 'gzip, deflate',
    Accept: '*/*',
    Connection: 'keep-alive',
    ...credential,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${prefix}/collections/sentinel-2 HTTP/1.1\r\n${lines.join('')}\r\n`
}
