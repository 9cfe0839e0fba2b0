-- Adoption: answered queries by product, organisation and day. Who asked what stands in the audit log, not here.
CREATE TABLE usage_ledger (
  product uuid NOT NULL REFERENCES products,
  organisation text NOT NULL,
  day date NOT NULL,
  queries bigint NOT NULL,
  records bigint NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (product, organisation, day)
);
