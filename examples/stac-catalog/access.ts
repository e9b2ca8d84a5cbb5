/** Any good credential may read the catalogue, also a key in the URL: links are opened in browsers and GIS tools. */
export const catalogAccess = { allowQueryKey: true } as const

/** A search by POST only reads, so a read-only key may send one. */
export const searchAccess = { ...catalogAccess, readOnlyKeys: 'may-write' } as const
