-- A domain's id is random, as a product's is: the schema registry knows it by that alone.
CREATE TABLE domains (
  name text PRIMARY KEY,
  id uuid NOT NULL UNIQUE
);

-- Products, their contracts and what was published under them. A product's id is random and says nothing about it;
-- names are unique within a domain only.
CREATE TABLE products (
  id uuid PRIMARY KEY,
  domain text NOT NULL REFERENCES domains,
  name text NOT NULL,
  created_at timestamptz NOT NULL,
  -- What consumers see now; set in the transaction that makes the product.
  publication uuid,
  UNIQUE (domain, name)
);

-- A published version of a contract never changes.
CREATE TABLE contracts (
  product uuid NOT NULL REFERENCES products,
  version text NOT NULL,
  sha256 text NOT NULL,
  source text NOT NULL,
  title text NOT NULL,
  purpose text NOT NULL,
  fields jsonb NOT NULL,
  reference_schema text NOT NULL,
  classified_by text NOT NULL,
  derived_from text NOT NULL,
  declassify_on text NOT NULL,
  freshness_hours double precision NOT NULL,
  availability_percent double precision NOT NULL,
  completeness_percent double precision NOT NULL,
  data_label jsonb NOT NULL,
  catalog_label jsonb NOT NULL,
  -- The catalog label as the access policy sees it: search and links are filtered on these in the query itself.
  policy text NOT NULL,
  policy_version text NOT NULL,
  rank bigint NOT NULL,
  categories text[] NOT NULL,
  nations text[] NOT NULL,
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  PRIMARY KEY (product, version)
);

-- One set of records, stored as one object in the product's bucket.
CREATE TABLE publications (
  id uuid PRIMARY KEY,
  product uuid NOT NULL,
  version text NOT NULL,
  object text NOT NULL UNIQUE,
  sha256 text NOT NULL,
  bytes bigint NOT NULL,
  records integer NOT NULL,
  -- Share of the fields of the contract that have a value, 0 to 1, over all records.
  completeness double precision NOT NULL,
  label jsonb NOT NULL,
  published_at timestamptz NOT NULL,
  published_by text NOT NULL,
  FOREIGN KEY (product, version) REFERENCES contracts (product, version)
);

ALTER TABLE products
  ADD FOREIGN KEY (publication) REFERENCES publications (id) DEFERRABLE INITIALLY DEFERRED;

CREATE VIEW catalog_entries AS
SELECT
  product.id,
  product.domain,
  product.name,
  contract.version,
  contract.sha256 AS contract_sha256,
  contract.title,
  contract.purpose,
  contract.fields,
  contract.reference_schema,
  contract.classified_by,
  contract.derived_from,
  contract.declassify_on,
  contract.freshness_hours,
  contract.availability_percent,
  contract.completeness_percent,
  contract.data_label,
  contract.catalog_label,
  contract.policy,
  contract.policy_version,
  contract.rank,
  contract.categories,
  contract.nations,
  publication.object,
  publication.sha256,
  publication.bytes,
  publication.records,
  publication.completeness,
  publication.label,
  publication.published_at
FROM products AS product
JOIN publications AS publication ON publication.id = product.publication
JOIN contracts AS contract ON contract.product = publication.product AND contract.version = publication.version;
