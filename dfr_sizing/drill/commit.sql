-- One commit of a drill's writer: a form for each of some farmers, with an answer to every field, a message each, a photo
-- or none, and the farmers' write_date moved. It returns rows and sum of what it added, table by table in the order of
-- the writer's CHANGED; of dfr_farmer, what its sum moved by.
WITH asked AS (
    SELECT id AS farmer, name, hashtextextended(f::text, 0) AS was FROM dfr_farmer AS f WHERE id = ANY(%(farmers)s)
),
forms AS (
    INSERT INTO dfr_form_submission (name, farmer_id, form_version_id, submission_date, submitted_by_user_id,
        submission_source, state, create_uid, write_uid, create_date, write_date)
    SELECT 'Survey / ' || name, farmer, 1, now(), 2, 'mobile', 'submitted', 2, 2, now(), now() FROM asked
    RETURNING *
),
answers AS (
    INSERT INTO dfr_form_response (submission_id, field_id, field_label, field_type, value_text, create_uid, write_uid,
        create_date, write_date)
    SELECT s.id, f.id, f.label->>'en_US', f.field_type, 'answer ' || (%(number)s * 7919 + s.id * 31 + f.id) %% 1000,
        2, 2, now(), now()
    FROM forms AS s, dfr_form_field AS f
    RETURNING *
),
messages AS (
    INSERT INTO mail_message (author_id, create_uid, write_uid, res_id, model, message_type, body, date, create_date,
        write_date)
    SELECT 2, 2, 2, id, 'dfr.form.submission', 'notification', '<p>Form submission created</p>', now(), now(), now()
    FROM forms
    RETURNING *
),
photos AS (
    INSERT INTO ir_attachment (name, res_model, res_id, type, store_fname, checksum, file_size, mimetype, create_uid,
        write_uid, create_date, write_date)
    SELECT 'photo.jpg', 'dfr.farmer', (%(farmers)s)[1], 'binary', %(photo)s::text, split_part(%(photo)s::text, '/', 2),
        %(bytes)s, 'image/jpeg', 2, 2, now(), now()
    WHERE %(photo)s::text IS NOT NULL
    RETURNING *
),
numbers AS (INSERT INTO drill_commit (number, forms) VALUES (%(number)s, %(forms)s) RETURNING *),
farmers AS (
    UPDATE dfr_farmer AS f SET write_date = clock_timestamp() FROM asked WHERE f.id = asked.farmer
    RETURNING hashtextextended(f::text, 0)::numeric - asked.was AS moved
)
SELECT
    (SELECT count(*) FROM forms), (SELECT coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM forms AS t),
    (SELECT count(*) FROM answers), (SELECT coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM answers AS t),
    (SELECT count(*) FROM messages), (SELECT coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM messages AS t),
    (SELECT count(*) FROM photos), (SELECT coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM photos AS t),
    (SELECT count(*) FROM numbers), (SELECT coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM numbers AS t),
    0, (SELECT coalesce(sum(moved), 0)::text FROM farmers)
