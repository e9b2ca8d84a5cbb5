-- CreateTable
CREATE TABLE "limit_counters" (
    "party" TEXT NOT NULL,
    "day_start" TIMESTAMPTZ(3) NOT NULL,
    "used" BIGINT NOT NULL,

    CONSTRAINT "limit_counters_pkey" PRIMARY KEY ("party","day_start")
);

-- CreateIndex
CREATE INDEX "limit_counters_day_start_idx" ON "limit_counters"("day_start");
