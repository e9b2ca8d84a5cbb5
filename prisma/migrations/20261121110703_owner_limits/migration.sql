-- AlterTable
ALTER TABLE "api_keys" ALTER COLUMN "groups" SET DEFAULT ARRAY[]::TEXT[],
ALTER COLUMN "services" SET DEFAULT ARRAY[]::TEXT[];

-- AlterTable
ALTER TABLE "owners" ADD COLUMN     "limit_per_day" INTEGER,
ADD COLUMN     "limit_per_month" INTEGER,
ADD COLUMN     "limit_per_second" INTEGER;

-- Keys of earlier releases were stored without these lists.
UPDATE "api_keys" SET "groups" = '{}' WHERE "groups" IS NULL;
UPDATE "api_keys" SET "services" = '{}' WHERE "services" IS NULL;
