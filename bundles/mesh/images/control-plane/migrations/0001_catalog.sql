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
  -- Of its Iceberg table: the metadata file, every file a reader needs with its digest, and the labels that records have.
  pointer text NOT NULL,
  files jsonb NOT NULL,
  labels text[] NOT NULL,
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
  publication.pointer,
  publication.files,
  publication.labels,
  publication.records,
  publication.completeness,
  publication.label,
  publication.published_at
FROM products AS product
JOIN publications AS publication ON publication.id = product.publication
JOIN contracts AS contract ON contract.product = publication.product AND contract.version = publication.version;

-- The lake: Iceberg tables of the products, one a product, named by its opaque id. The first two are those of Iceberg's JDBC
-- catalog (version 1 of its schema), which Trino reads.
CREATE SCHEMA lake;

CREATE TABLE lake.iceberg_tables (
  catalog_name varchar(255) NOT NULL,
  table_namespace varchar(255) NOT NULL,
  table_name varchar(255) NOT NULL,
  metadata_location varchar(1000),
  previous_metadata_location varchar(1000),
  iceberg_type varchar(5),
  PRIMARY KEY (catalog_name, table_namespace, table_name)
);

CREATE TABLE lake.iceberg_namespace_properties (
  catalog_name varchar(255) NOT NULL,
  namespace varchar(255) NOT NULL,
  property_key varchar(255) NOT NULL,
  property_value varchar(1000),
  PRIMARY KEY (catalog_name, namespace, property_key)
);
INSERT INTO lake.iceberg_namespace_properties VALUES ('mesh', 'lake', 'exists', 'true');

-- Metadata of each table as its last publication left it.
CREATE TABLE lake.tables (
  product uuid PRIMARY KEY REFERENCES products,
  metadata jsonb NOT NULL
);

-- What a query that runs now on the scale-out engine may read.
CREATE TABLE lake.grants (
  engine_user text PRIMARY KEY,
  product uuid NOT NULL,
  labels text[] NOT NULL,
  ends_at timestamptz NOT NULL
);
