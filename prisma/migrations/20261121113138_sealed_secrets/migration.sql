-- AlterTable
ALTER TABLE "api_key_values" ADD COLUMN     "sealed_secret" TEXT;

-- AlterTable
ALTER TABLE "api_keys" ADD COLUMN     "imported" BOOLEAN NOT NULL DEFAULT false;

-- CreateIndex
CREATE INDEX "api_keys_imported_idx" ON "api_keys"("imported");
