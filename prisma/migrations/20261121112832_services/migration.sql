-- CreateEnum
CREATE TYPE "registry_origin" AS ENUM ('api', 'file');

-- CreateTable
CREATE TABLE "service_groups" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "origin" "registry_origin" NOT NULL,
    "limit_per_second" INTEGER,
    "limit_per_day" INTEGER,
    "limit_per_month" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "service_groups_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "services" (
    "id" TEXT NOT NULL,
    "group_id" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "origin" "registry_origin" NOT NULL,
    "settings" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "services_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "service_groups_created_at_id_idx" ON "service_groups"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "services_prefix_key" ON "services"("prefix");

-- CreateIndex
CREATE INDEX "services_group_id_idx" ON "services"("group_id");

-- CreateIndex
CREATE INDEX "services_created_at_id_idx" ON "services"("created_at" DESC, "id" DESC);

-- AddForeignKey
ALTER TABLE "services" ADD CONSTRAINT "services_group_id_fkey" FOREIGN KEY ("group_id") REFERENCES "service_groups"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
