-- KEY_CHANGES_PER_HOUR counts these events. The query must name the same actions, or PostgreSQL does not use the index.
-- CreateIndex
CREATE INDEX "audit_events_own_changes_idx" ON "audit_events"("owner_subject", "at")
WHERE "actor_subject" = "owner_subject" AND "action" IN ('key.created', 'key.linked', 'key.renewed', 'key.rotated');
