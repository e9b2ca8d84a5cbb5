-- CreateTable
CREATE TABLE "service_documents" (
    "service_id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "document" TEXT NOT NULL,
    "fetched_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "service_documents_pkey" PRIMARY KEY ("service_id")
);
