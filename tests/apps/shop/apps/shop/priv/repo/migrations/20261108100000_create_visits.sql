CREATE TABLE visits (
  node text PRIMARY KEY,
  count bigint NOT NULL
);
