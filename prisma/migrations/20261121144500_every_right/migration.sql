-- A role may have been called `*`, which from here on means every right: what was known of it gives nobody that.
UPDATE "owners" SET "rights" = array_remove("rights", '*') WHERE '*' = ANY ("rights");
UPDATE "api_keys" SET "scopes" = array_remove("scopes", '*') WHERE '*' = ANY ("scopes");
