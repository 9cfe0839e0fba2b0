-- Catalog search by meaning: an embedding beside each contract. Needs the extension pgvector in PostgreSQL.
CREATE EXTENSION IF NOT EXISTS vector;

ALTER TABLE contracts ADD COLUMN embedding vector(384);

CREATE INDEX contracts_embedding ON contracts USING hnsw (embedding vector_cosine_ops);
