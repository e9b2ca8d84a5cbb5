/** Keys of one owner. */
export const keysPerOwner = 20

const ownerOf = `md5('owner ' || n / ${keysPerOwner})::uuid::text`

/** What is stored for the numbers `$1`: owners of 20 keys and 10 rights each, as people and their scripts have them. */
export const statements = {
  insertOwners: `
    INSERT INTO owners (subject, kind, login, name, email, rights, known_at)
    SELECT ${ownerOf}, 'user', 'person-' || n / ${keysPerOwner}, 'Person ' || n / ${keysPerOwner} || ' Example',
      'person-' || n / ${keysPerOwner} || '@example.org',
      ARRAY['rspy-user', 'offline_access', 'default-roles-rspy', 'uma_authorization', 'latchkey:catalog_read',
        'latchkey:catalog_write', 'latchkey:staging_read', 'latchkey:processing_execute', 'group:/eo/sentinel-2',
        'group:/team-' || n % 50],
      now()
    FROM unnest($1::int[]) AS n WHERE n % ${keysPerOwner} = 0`,
  insertKeys: `
    INSERT INTO api_keys (id, owner_subject, name, note, created_at, expires_at, scopes, groups, services,
      allowed_referers, allowed_ips, config)
    SELECT id, ${ownerOf}, 'Nightly ingestion ' || n, 'runs on the cluster', now(), '2099-01-01T00:00:00Z',
      '{inherit}', '{}', '{}', '{}', '{}', '{"project": "demo"}'
    FROM unnest($1::int[], $2::text[]) AS key (n, id)`,
  insertValues: `
    INSERT INTO api_key_values (hash, key_id, created_at)
    SELECT hash, id, now() FROM unnest($1::int[], $2::text[], $3::bytea[]) AS key (n, id, hash)`,
}
