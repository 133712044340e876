CREATE TABLE items (
  id bigserial PRIMARY KEY,
  name text NOT NULL UNIQUE,
  inserted_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO items (name) VALUES ('teapot'), ('kettle');
