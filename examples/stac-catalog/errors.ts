const statuses = { validation_failed: 400, not_found: 404 } as const

/** What the catalogue refuses. Its message is public; the parent's error handler renders it. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError'
  readonly code: keyof typeof statuses
  /** Each fault by the name of the parameter or member; only of invalid input. */
  readonly errors?: readonly { path: string; message: string }[]

  constructor(code: keyof typeof statuses, message: string, path?: string) {
    super(path === undefined ? message : `${path} ${message}`)
    this.code = code
    if (path !== undefined) this.errors = [{ path, message }]
  }

  get statusCode() {
    return statuses[this.code]
  }
}

/** @throws CatalogError 400, always: what is wrong with the input of that name */
export function refuse(path: string, message: string): never {
  throw new CatalogError('validation_failed', message, path)
}
