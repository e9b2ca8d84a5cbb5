-- AlterTable
ALTER TABLE "api_keys" ADD COLUMN     "expires_set_by" "hand";

-- CreateTable
CREATE TABLE "providers" (
    "name" TEXT NOT NULL,
    "disabled" BOOLEAN NOT NULL,

    CONSTRAINT "providers_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE INDEX "api_keys_created_at_id_idx" ON "api_keys"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "audit_events_actor_subject_idx" ON "audit_events"("actor_subject");
