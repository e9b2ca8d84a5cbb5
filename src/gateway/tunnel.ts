import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { destroyAtEnd, type WantedUpgrade } from './accept-upgrades.js'
import { Exchange } from './exchange.js'

/** A WebSocket between client and service; their frames pass as they are. */
export class Tunnel extends Exchange {
  override readonly upgrade = 'websocket'
  #upstream: Duplex | null = null

  constructor(
    private readonly wanted: WantedUpgrade,
    ...rest: ConstructorParameters<typeof Exchange>
  ) {
    super(...rest)
  }

  onRequestUpgrade(
    { rawHeaders }: Dispatcher.DispatchController,
    _statusCode: number,
    _headers: IncomingHttpHeaders,
    upstream: Duplex,
  ): void {
    if (this.isEnded) return void upstream.destroy()
    this.#upstream = upstream
    const { socket, head } = this.wanted
    const headers = this.makeHeaders(rawHeaders)
    this.startAnswer()
    this.reply.raw.detachSocket(socket)
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket']
    for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`)
    socket.setTimeout(0)
    socket.setNoDelay(true)
    socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
    if (head.length > 0) upstream.write(head)
    this.#join(upstream)
  }

  /** The service has refused the upgrade, and answers as to any other request. */
  override onResponseStart(...answer: Parameters<Exchange['onResponseStart']>): void {
    const [, statusCode] = answer
    if (statusCode >= 200) destroyAtEnd(this.wanted.socket)
    super.onResponseStart(...answer)
  }

  override cut(): void {
    this.#upstream?.destroy()
    this.wanted.socket.destroy()
    super.cut()
  }

  #join(upstream: Duplex): void {
    const { socket } = this.wanted
    const end = () => {
      socket.destroy()
      upstream.destroy()
      this.#finish()
    }
    for (const side of [socket, upstream]) side.on('error', end).on('close', end)
    socket.pipe(upstream)
    upstream.pipe(socket)
  }

  #finish(): void {
    if (this.isEnded) return
    this.close()
    const { request, service } = this
    request.log.info(
      { req: request, service: service.descriptor.id, ms: Math.round(performance.now() - this.startedAt) },
      'a WebSocket ended',
    )
  }
}
