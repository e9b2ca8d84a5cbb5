import type { FastifyBaseLogger } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { RegisteredService, TargetPolicy } from '../services/types.js'
import type { Database } from '../store/database.js'
import { findServiceDocument, saveServiceDocument } from '../store/service-documents.js'
import { trimSlashes } from '../urls.js'
import { checkDocument, type ServiceDocument } from './check-document.js'
import { DocumentUnavailable, fetchDocument } from './fetch-document.js'

export interface KeepOptions {
  db: Database
  /** Which addresses documents may be read from. */
  targets: Pick<TargetPolicy, 'connector'>
  log: Pick<FastifyBaseLogger, 'warn'>
  /** Default 5000. */
  timeoutMs?: number
  /** Default 5 MiB. */
  maxBytes?: number
  /** Milliseconds since the epoch. */
  clock: () => number
}

/** The last good document of a service. */
export interface KeptDocument {
  readonly url: string
  readonly document: ServiceDocument
  readonly fetchedAt: Date
}

/** What is known of the document of a service; never changed. */
export interface Known {
  /** Null: there never was a good one. */
  readonly kept: KeptDocument | null
  /** Why there is no newer one; null: it is the current one. */
  readonly fault: string | null
}

export interface DocumentKeeper {
  /** The document as it is now, or was when it could last be had. Never rejects. */
  know(service: RegisteredService, openapiUrl: string): Promise<Known>
}

/** However many people look at a document, its service is asked so often and no more, also when it fails. */
const askEveryMs = 60_000
/** Documents; that of another service comes from the database, and is asked for. */
const maxInMemory = 100

interface Attempt {
  readonly url: string
  readonly at: number
  readonly known: Promise<Known>
}

/** Fetches the documents of services when somebody looks at them, and keeps the last good ones for when they fail. */
export function keepDocuments(options: KeepOptions): DocumentKeeper {
  const { db, targets, log, timeoutMs = 5_000, maxBytes = 5 * 1024 * 1024, clock } = options
  const attempts = new LRUCache<string, Attempt>({ max: maxInMemory })

  return { know }

  function know(service: RegisteredService, openapiUrl: string): Promise<Known> {
    const { id, target } = service.descriptor
    const url = locate(target, openapiUrl)
    const last = attempts.get(id)
    const now = clock()
    if (last?.url === url && Math.abs(now - last.at) < askEveryMs) return last.known
    const before = last?.url === url ? last.known : null
    const known = attempt(service, url, before)
    attempts.set(id, { url, at: now, known })
    return known
  }

  async function attempt(
    { descriptor: { id }, declaredBy }: RegisteredService,
    url: string,
    before: Promise<Known> | null,
  ): Promise<Known> {
    try {
      const connect = targets.connector(declaredBy, timeoutMs)
      const document = checkDocument(await fetchDocument(url, { timeoutMs, maxBytes, connect }))
      const kept = { url, document, fetchedAt: new Date(clock()) }
      await save(id, kept)
      return { kept, fault: null }
    } catch (error) {
      const last = await before
      const fault = error instanceof DocumentUnavailable ? error.message : 'cannot be read'
      if (last?.fault !== fault)
        log.warn({ service: id, err: error }, 'the document of a service cannot be had')
      return { kept: last?.kept ?? (await recall(id, url)), fault }
    }
  }

  /** Without the database it serves as well, only not after a restart. */
  async function save(id: string, { url, document, fetchedAt }: KeptDocument): Promise<void> {
    try {
      await saveServiceDocument(db, { serviceId: id, url, document: JSON.stringify(document), fetchedAt })
    } catch (error) {
      log.warn({ service: id, err: error }, 'the document of a service could not be kept')
    }
  }

  async function recall(id: string, url: string): Promise<KeptDocument | null> {
    try {
      const row = await findServiceDocument(db, id, url)
      return row && { url, document: JSON.parse(row.document) as ServiceDocument, fetchedAt: row.fetchedAt }
    } catch (error) {
      log.warn({ service: id, err: error }, 'the last document of a service could not be read')
      return null
    }
  }
}

/** A path is one below the target. */
function locate(target: string, openapiUrl: string): string {
  return openapiUrl.startsWith('/') ? trimSlashes(target) + openapiUrl : openapiUrl
}
