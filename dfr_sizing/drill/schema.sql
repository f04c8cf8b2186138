-- What a drill adds to the stand-in's tables: Odoo's rows of files, and the numbered commits.
CREATE TABLE ir_attachment (
    id serial PRIMARY KEY, name varchar NOT NULL, res_model varchar, res_field varchar, res_id int, type varchar NOT NULL,
    store_fname varchar, checksum varchar(40), file_size int, mimetype varchar, company_id int, create_uid int,
    write_uid int, create_date timestamp, write_date timestamp
);
CREATE INDEX ON ir_attachment (res_model, res_id);
CREATE INDEX ON ir_attachment (store_fname);
CREATE INDEX ON ir_attachment (checksum);
CREATE TABLE drill_commit (number bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), forms int NOT NULL);
CREATE EXTENSION IF NOT EXISTS amcheck;
