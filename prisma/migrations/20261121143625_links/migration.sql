-- AlterTable
ALTER TABLE "api_keys" ADD COLUMN     "link_generation" INTEGER NOT NULL DEFAULT 0;
