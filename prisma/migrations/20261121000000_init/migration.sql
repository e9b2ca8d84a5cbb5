-- CreateEnum
CREATE TYPE "owner_kind" AS ENUM ('user', 'server');

-- CreateEnum
CREATE TYPE "hand" AS ENUM ('owner', 'administrator', 'leak');

-- CreateTable
CREATE TABLE "owners" (
    "subject" TEXT NOT NULL,
    "kind" "owner_kind" NOT NULL,
    "login" TEXT NOT NULL,
    "name" TEXT,
    "email" TEXT,
    "rights" TEXT[],
    "attributes" JSONB NOT NULL DEFAULT '{}',
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "known_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "owners_pkey" PRIMARY KEY ("subject")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" TEXT NOT NULL,
    "owner_subject" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "note" TEXT NOT NULL DEFAULT '',
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "disabled_by" "hand",
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "revoked_by" "hand",
    "permanently_revoked" BOOLEAN NOT NULL DEFAULT false,
    "scopes" TEXT[],
    "read_only" BOOLEAN NOT NULL DEFAULT false,
    "jwt" BOOLEAN NOT NULL DEFAULT false,
    "groups" TEXT[],
    "services" TEXT[],
    "limit_per_second" INTEGER,
    "limit_per_day" INTEGER,
    "limit_per_month" INTEGER,
    "allowed_referers" TEXT[],
    "allowed_ips" TEXT[],
    "config" JSONB NOT NULL DEFAULT '{}',

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_key_values" (
    "hash" BYTEA NOT NULL,
    "key_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "valid_until" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_values_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "api_key_usage" (
    "key_id" TEXT NOT NULL,
    "total" BIGINT NOT NULL,
    "day" DATE NOT NULL,
    "today" BIGINT NOT NULL,
    "last_used_at" TIMESTAMPTZ(3) NOT NULL,
    "last_used_ip" TEXT NOT NULL,
    "last_user_agent" TEXT,

    CONSTRAINT "api_key_usage_pkey" PRIMARY KEY ("key_id")
);

-- CreateTable
CREATE TABLE "sessions" (
    "id_hash" BYTEA NOT NULL,
    "subject" TEXT NOT NULL,
    "issuer_sid" TEXT,
    "data" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id_hash")
);

-- CreateTable
CREATE TABLE "audit_events" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor_subject" TEXT NOT NULL,
    "actor_login" TEXT NOT NULL,
    "via" TEXT NOT NULL,
    "actor_key_id" TEXT,
    "action" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "owner_subject" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "request_id" TEXT NOT NULL,
    "details" JSONB NOT NULL DEFAULT '{}',

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "api_keys_owner_subject_created_at_id_idx" ON "api_keys"("owner_subject", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_owner_subject_name_key" ON "api_keys"("owner_subject", "name");

-- CreateIndex
CREATE INDEX "api_key_values_key_id_idx" ON "api_key_values"("key_id");

-- CreateIndex
CREATE INDEX "sessions_subject_idx" ON "sessions"("subject");

-- CreateIndex
CREATE INDEX "sessions_issuer_sid_idx" ON "sessions"("issuer_sid");

-- CreateIndex
CREATE INDEX "sessions_expires_at_idx" ON "sessions"("expires_at");

-- CreateIndex
CREATE INDEX "audit_events_at_idx" ON "audit_events"("at");

-- CreateIndex
CREATE INDEX "audit_events_target_id_idx" ON "audit_events"("target_id");

-- CreateIndex
CREATE INDEX "audit_events_owner_subject_idx" ON "audit_events"("owner_subject");

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_owner_subject_fkey" FOREIGN KEY ("owner_subject") REFERENCES "owners"("subject") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_key_values" ADD CONSTRAINT "api_key_values_key_id_fkey" FOREIGN KEY ("key_id") REFERENCES "api_keys"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_key_usage" ADD CONSTRAINT "api_key_usage_key_id_fkey" FOREIGN KEY ("key_id") REFERENCES "api_keys"("id") ON DELETE CASCADE ON UPDATE CASCADE;
