-- CreateTable
CREATE TABLE "directory_state" (
    "id" INTEGER NOT NULL,
    "followed" BOOLEAN NOT NULL,

    CONSTRAINT "directory_state_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "owners_known_at_idx" ON "owners"("known_at");
