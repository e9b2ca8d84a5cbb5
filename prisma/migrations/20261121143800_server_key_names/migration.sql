-- Names of server keys are unique from now on: of several with one name, all but the oldest get their id behind it. Another
-- may have that name already, and gives way: whose id it is keeps it, so that none is renamed twice and this ends.
DO $$
BEGIN
    LOOP
        UPDATE "api_keys" k SET "name" = left(k."name", 97 - length(k."id")) || ' (' || k."id" || ')'
        FROM (
            SELECT k."id", row_number() OVER (
                PARTITION BY k."name"
                ORDER BY right(k."name", length(k."id") + 3) = ' (' || k."id" || ')' DESC, k."created_at", k."id"
            ) AS "place"
            FROM "api_keys" k JOIN "owners" o ON o."subject" = k."owner_subject" WHERE o."kind" = 'server'
        ) AS named
        WHERE named."id" = k."id" AND named."place" > 1;
        EXIT WHEN NOT FOUND;
    END LOOP;
END $$;

-- The server user is called as its key.
UPDATE "owners" o SET "login" = k."name" FROM "api_keys" k
WHERE k."owner_subject" = o."subject" AND o."kind" = 'server' AND o."login" <> k."name";

-- CreateIndex
CREATE UNIQUE INDEX "owners_server_login_key" ON "owners"("login") WHERE "kind" = 'server';
