import type { Database } from './database.js'

export interface ServiceDocumentRow {
  serviceId: string
  /** Where it was fetched. */
  url: string
  /** JSON. */
  document: string
  fetchedAt: Date
}

/** The last good document of a service from there. */
export async function findServiceDocument(
  { prisma }: Database,
  serviceId: string,
  url: string,
): Promise<ServiceDocumentRow | null> {
  return prisma.serviceDocument.findFirst({ where: { serviceId, url } })
}

/** Keeps a document; one that did not change is not written anew, only its time is. */
export async function saveServiceDocument(db: Database, row: ServiceDocumentRow): Promise<void> {
  await db.query({
    name: 'save-service-document',
    isChange: true,
    text: `
INSERT INTO service_documents AS kept (service_id, url, document, fetched_at) VALUES ($1, $2, $3, $4::timestamptz)
ON CONFLICT (service_id) DO UPDATE SET
  url = excluded.url,
  document = CASE WHEN kept.document = excluded.document THEN kept.document ELSE excluded.document END,
  fetched_at = excluded.fetched_at`,
    values: [row.serviceId, row.url, row.document, row.fetchedAt],
  })
}
