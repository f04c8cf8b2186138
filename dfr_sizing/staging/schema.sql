-- The stand-in's tables: of Odoo 18 what its requests touch, of the DFR's modules what its specification names.
-- Columns and indexes are theirs; the indexes that the DFR lacks (name + birth date + area; names) are missing here too.

CREATE SEQUENCE base_registry_signaling;
CREATE SEQUENCE base_cache_signaling_default;

CREATE TABLE ir_config_parameter (id serial PRIMARY KEY, key varchar NOT NULL UNIQUE, value text NOT NULL);
CREATE TABLE ir_model (id serial PRIMARY KEY, model varchar NOT NULL UNIQUE, name jsonb NOT NULL);
CREATE TABLE ir_model_fields (id serial PRIMARY KEY, model varchar NOT NULL, name varchar NOT NULL, UNIQUE (model, name));
CREATE TABLE res_company (id serial PRIMARY KEY, name varchar NOT NULL, active boolean DEFAULT true);
CREATE TABLE res_country (id serial PRIMARY KEY, name jsonb NOT NULL, code varchar(2));
CREATE TABLE uom_uom (id serial PRIMARY KEY, name jsonb NOT NULL, active boolean DEFAULT true);

CREATE TABLE res_partner (
    id serial PRIMARY KEY, company_id int, country_id int REFERENCES res_country, parent_id int, color int,
    commercial_partner_id int, create_uid int, write_uid int, create_date timestamp, write_date timestamp,
    name varchar, complete_name varchar, ref varchar, lang varchar, tz varchar, vat varchar, function varchar,
    type varchar, street varchar, zip varchar, city varchar, email varchar, email_normalized varchar, phone varchar,
    phone_sanitized varchar, mobile varchar, commercial_company_name varchar, date date, comment text,
    partner_latitude numeric, partner_longitude numeric, active boolean DEFAULT true, employee boolean,
    is_company boolean, partner_share boolean, message_bounce int,
    CHECK (type <> 'contact' OR name IS NOT NULL)
);
CREATE INDEX ON res_partner (commercial_partner_id);
CREATE INDEX ON res_partner (complete_name);
CREATE INDEX ON res_partner (name);
CREATE INDEX ON res_partner (parent_id);
CREATE INDEX ON res_partner (ref);
CREATE INDEX ON res_partner (vat);

CREATE TABLE res_users (
    id serial PRIMARY KEY, partner_id int NOT NULL REFERENCES res_partner, company_id int NOT NULL REFERENCES res_company,
    login varchar NOT NULL UNIQUE, active boolean DEFAULT true
);
CREATE TABLE res_users_log (id serial PRIMARY KEY, create_uid int, create_date timestamp);

CREATE TABLE mail_message (
    id serial PRIMARY KEY, author_id int, create_uid int, write_uid int, res_id int, subtype_id int, model varchar,
    message_type varchar NOT NULL, body text, date timestamp, create_date timestamp, write_date timestamp
);
CREATE INDEX ON mail_message (author_id);
CREATE INDEX ON mail_message (model, res_id, id);
CREATE TABLE mail_followers (
    id serial PRIMARY KEY, res_model varchar NOT NULL, res_id int, partner_id int NOT NULL,
    UNIQUE (res_model, res_id, partner_id)
);
CREATE INDEX ON mail_followers (partner_id);
CREATE TABLE mail_followers_mail_message_subtype_rel (
    mail_followers_id int NOT NULL REFERENCES mail_followers ON DELETE CASCADE, mail_message_subtype_id int NOT NULL,
    PRIMARY KEY (mail_followers_id, mail_message_subtype_id)
);
CREATE TABLE mail_tracking_value (
    id serial PRIMARY KEY, field_id int, mail_message_id int NOT NULL REFERENCES mail_message ON DELETE CASCADE,
    old_value_char varchar, new_value_char varchar, create_uid int, create_date timestamp
);
CREATE INDEX ON mail_tracking_value (mail_message_id);

CREATE TABLE dfr_administrative_area (id serial PRIMARY KEY, name varchar NOT NULL);
CREATE TABLE dfr_farmer (
    id serial PRIMARY KEY, uid varchar NOT NULL UNIQUE, name varchar NOT NULL, date_of_birth date, sex varchar,
    role_in_household varchar, contact_phone varchar, contact_email varchar, national_id_type_id int,
    national_id_number varchar, kyc_status varchar NOT NULL, status varchar NOT NULL, consent_status varchar NOT NULL,
    administrative_area_id int REFERENCES dfr_administrative_area, gps_latitude_homestead numeric,
    gps_longitude_homestead numeric, active boolean DEFAULT true, create_uid int, write_uid int, create_date timestamp,
    write_date timestamp, UNIQUE (national_id_number, national_id_type_id)
);
CREATE TABLE dfr_household (
    id serial PRIMARY KEY, uid varchar NOT NULL UNIQUE, name varchar, head_of_household_id int REFERENCES dfr_farmer,
    administrative_area_id int REFERENCES dfr_administrative_area, status varchar NOT NULL, active boolean DEFAULT true,
    create_uid int, write_uid int, create_date timestamp, write_date timestamp
);
CREATE TABLE dfr_household_member (
    id serial PRIMARY KEY, household_id int NOT NULL REFERENCES dfr_household ON DELETE CASCADE,
    farmer_id int REFERENCES dfr_farmer, name varchar NOT NULL, date_of_birth date, age int, sex varchar,
    role_in_household varchar, is_farmer_record_linked boolean, active boolean DEFAULT true, create_uid int,
    write_uid int, create_date timestamp, write_date timestamp
);
CREATE INDEX ON dfr_household_member (household_id);
CREATE TABLE dfr_farm (
    id serial PRIMARY KEY, name varchar NOT NULL, farmer_id int REFERENCES dfr_farmer,
    household_id int REFERENCES dfr_household, administrative_area_id int REFERENCES dfr_administrative_area,
    total_area numeric, active boolean DEFAULT true, create_uid int, write_uid int, create_date timestamp,
    write_date timestamp, CHECK (farmer_id IS NOT NULL OR household_id IS NOT NULL)
);
CREATE TABLE dfr_plot (
    id serial PRIMARY KEY, farm_id int NOT NULL REFERENCES dfr_farm ON DELETE CASCADE, name varchar NOT NULL,
    size numeric, size_unit_id int NOT NULL REFERENCES uom_uom,
    administrative_area_id int NOT NULL REFERENCES dfr_administrative_area, gps_latitude numeric, gps_longitude numeric,
    active boolean DEFAULT true, create_uid int, write_uid int, create_date timestamp, write_date timestamp,
    UNIQUE (name, farm_id)
);
CREATE INDEX ON dfr_plot (farm_id);
CREATE TABLE dfr_form (id serial PRIMARY KEY, name varchar NOT NULL);
CREATE TABLE dfr_form_version (
    id serial PRIMARY KEY, form_master_id int NOT NULL REFERENCES dfr_form, version_number varchar NOT NULL,
    name varchar, status varchar NOT NULL
);
CREATE TABLE dfr_form_field (
    id serial PRIMARY KEY, form_version_id int NOT NULL REFERENCES dfr_form_version ON DELETE CASCADE,
    name varchar NOT NULL, label jsonb NOT NULL, field_type varchar NOT NULL, sequence int,
    UNIQUE (form_version_id, name)
);
CREATE TABLE dfr_form_submission (
    id serial PRIMARY KEY, name varchar, farmer_id int NOT NULL REFERENCES dfr_farmer,
    form_version_id int NOT NULL REFERENCES dfr_form_version, submission_date timestamp NOT NULL,
    submitted_by_user_id int, submission_source varchar, state varchar NOT NULL, create_uid int, write_uid int,
    create_date timestamp, write_date timestamp
);
CREATE INDEX ON dfr_form_submission (farmer_id);
CREATE INDEX ON dfr_form_submission (form_version_id);
CREATE TABLE dfr_form_response (
    id serial PRIMARY KEY, submission_id int NOT NULL REFERENCES dfr_form_submission ON DELETE CASCADE,
    field_id int NOT NULL REFERENCES dfr_form_field, field_label varchar, field_type varchar, value_text text,
    value_number numeric, value_date date, value_boolean boolean, value_selection varchar, create_uid int,
    write_uid int, create_date timestamp, write_date timestamp
);
CREATE INDEX ON dfr_form_response (submission_id);
CREATE INDEX ON dfr_form_response (field_id);

INSERT INTO res_company (name) VALUES ('Stand-in for a Digital Farmer Registry; not Odoo');
INSERT INTO res_country (name, code)
    VALUES ('{"en_US": "Tonga"}', 'TO'), ('{"en_US": "Samoa"}', 'WS'), ('{"en_US": "Vanuatu"}', 'VU');
INSERT INTO uom_uom (name) VALUES ('{"en_US": "ha"}');
INSERT INTO ir_model (model, name)
    SELECT model, jsonb_build_object('en_US', model) FROM unnest(ARRAY['res.partner', 'dfr.farmer', 'dfr.household',
        'dfr.farm', 'dfr.plot', 'dfr.form.submission', 'dfr.form.response']) AS model;
INSERT INTO ir_model_fields (model, name)
    SELECT model, name FROM unnest(ARRAY['res.partner', 'dfr.farmer']) AS model,
        unnest(ARRAY['name', 'phone', 'city', 'email', 'contact_phone', 'date_of_birth', 'national_id_number',
            'status', 'administrative_area_id']) AS name;
-- Users: 99 officers, 99 enumerators, one external system. Their password is not in the database.
INSERT INTO res_partner (name, complete_name, type, active, lang, partner_share)
    SELECT login, login, 'contact', true, 'en_US', false FROM (
        SELECT 'officer' || to_char(n, 'FM00') FROM generate_series(1, 99) AS n UNION ALL
        SELECT 'enumerator' || to_char(n, 'FM00') FROM generate_series(1, 99) AS n UNION ALL SELECT 'external01'
    ) AS users (login);
UPDATE res_partner SET commercial_partner_id = id;
INSERT INTO res_users (partner_id, company_id, login) SELECT id, 1, name FROM res_partner ORDER BY id;
INSERT INTO dfr_administrative_area (name) SELECT 'Area ' || to_char(n, 'FM000') FROM generate_series(1, 200) AS n;
INSERT INTO dfr_form (name) VALUES ('Season survey');
INSERT INTO dfr_form_version (form_master_id, version_number, name, status) VALUES (1, '1', 'Season survey', 'published');
INSERT INTO ir_config_parameter (key, value)
    VALUES ('dfr_sizing.is_staging', 'true'), ('dfr_sizing.stand_in', '1');
