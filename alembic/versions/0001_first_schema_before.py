"""First schema. Runs before the new code: there is nothing older.

Written from the stores by autogenerate, then by hand: the circular key of a segmentation's head, the audit's guard, and
what the application's role may do. It may read and write rows; of `audit`, `revisions` and `edits` it may only append,
so neither a bug nor a stolen password of that role rewrites what a doctor drew or who did what.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from backend.audit import GUARD_SQL

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

APP = "consilium_app"
APPEND_ONLY = "audit, revisions, edits"


def upgrade() -> None:
    create_tables()
    op.create_foreign_key(
        op.f("fk_segmentations_head_revision_id_revisions"), "segmentations", "revisions", ["head_revision_id"], ["id"]
    )
    for statement in GUARD_SQL:
        op.execute(statement)
    grant_to_app()


def grant_to_app() -> None:
    """Rights of the application's role, on these tables and on those later migrations add."""
    op.execute(
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP}') THEN RAISE EXCEPTION "
        f"'the role {APP} does not exist; create it first: CREATE ROLE {APP} LOGIN PASSWORD ...'; END IF; END $$"
    )
    op.execute(f"GRANT USAGE ON SCHEMA public TO {APP}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP}")
    op.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP}")
    op.execute(f"REVOKE UPDATE, DELETE ON {APPEND_ONLY} FROM {APP}")
    op.execute(f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {APP}")
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP}")
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {APP}")


def create_tables() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=True),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("old", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("new", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("previous_sha256", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_object", "audit", ["kind", "object_id"], unique=False)
    op.create_index(op.f("ix_audit_project_id"), "audit", ["project_id"], unique=False)
    op.create_table(
        "login_failures",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_failures")),
    )
    op.create_index("ix_login_failures_account_at", "login_failures", ["account", "at"], unique=False)
    op.create_index("ix_login_failures_address_at", "login_failures", ["address", "at"], unique=False)
    op.create_table(
        "patients",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("pseudonym", sa.String(length=40), nullable=False),
        sa.Column("simulated", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patients")),
        sa.UniqueConstraint("pseudonym", name=op.f("uq_patients_pseudonym")),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("simulated", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("policy", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'expert', 'integrator')", name=op.f("ck_users_role_is_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    op.create_table(
        "worker_heartbeats",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("queue", sa.String(length=16), nullable=False),
        sa.Column("device", sa.String(length=60), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker_heartbeats")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_api_tokens_secret_sha256")),
    )
    op.create_index(op.f("ix_api_tokens_user_id"), "api_tokens", ["user_id"], unique=False)
    op.create_table(
        "experts",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("simulated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("description", sa.String(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_experts_user_id_users"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experts")),
        sa.UniqueConstraint("user_id", name=op.f("uq_experts_user_id")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("body_sha256", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_idempotency_keys_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "route", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("experts", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), server_default="receiving", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('receiving', 'committed')", name=op.f("ck_imports_state")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_imports_owner_id_users")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_imports_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_table(
        "labels",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("colour", sa.String(length=7), nullable=False),
        sa.Column("code_scheme", sa.String(length=16), nullable=True),
        sa.Column("code_value", sa.String(length=64), nullable=True),
        sa.Column("code_meaning", sa.String(length=120), nullable=True),
        sa.CheckConstraint("value BETWEEN 1 AND 255", name=op.f("ck_labels_value")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_labels_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "value", name=op.f("pk_labels")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_labels_project_id_name")),
    )
    op.create_table(
        "members",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.CheckConstraint("role IN ('manager', 'reader', 'adjudicator')", name=op.f("ck_members_role")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_members_project_id_projects")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_members_user_id_users")),
        sa.PrimaryKeyConstraint("project_id", "user_id", name=op.f("pk_members")),
    )
    op.create_index("ix_members_user_id", "members", ["user_id"], unique=False)
    op.create_table(
        "one_time_links",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_one_time_links_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_links")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_one_time_links_secret_sha256")),
    )
    op.create_index(op.f("ix_one_time_links_user_id"), "one_time_links", ["user_id"], unique=False)
    op.create_table(
        "patient_identities",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hospital_id", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name=op.f("fk_patient_identities_patient_id_patients")
        ),
        sa.PrimaryKeyConstraint("patient_id", name=op.f("pk_patient_identities")),
    )
    op.create_index("ix_patient_identities_hospital_id", "patient_identities", ["hospital_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_gesture_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_sessions_secret_sha256")),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)
    op.create_table(
        "studies",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("uid", sa.String(length=64), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("study_date", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_studies_patient_id_patients")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        sa.UniqueConstraint("uid", name=op.f("uq_studies_uid")),
    )
    op.create_index("ix_studies_patient_id", "studies", ["patient_id"], unique=False)
    op.create_table(
        "import_files",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_files_import_id_imports"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_files")),
        sa.UniqueConstraint("import_id", "path", name=op.f("uq_import_files_import_id_path")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=12), server_default="queued", nullable=False),
        sa.Column("queue", sa.String(length=16), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("expert_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lost", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worker", sa.String(length=120), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rung_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("queue IN ('interactive', 'training')", name=op.f("ck_jobs_queue")),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_jobs_state")),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_jobs_expert_id_experts")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_jobs_owner_id_users")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_jobs_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_leased", "jobs", ["lease_until"], unique=False, postgresql_where="state = 'running'")
    op.create_index(
        "ix_jobs_one_personalise_waiting",
        "jobs",
        ["project_id", "expert_id"],
        unique=True,
        postgresql_where="kind = 'personalise' AND state = 'queued'",
    )
    op.create_index("ix_jobs_owner_id", "jobs", ["owner_id"], unique=False)
    op.create_index("ix_jobs_project_id", "jobs", ["project_id", "created_at", "id"], unique=False)
    op.create_index("ix_jobs_updated_at", "jobs", ["updated_at"], unique=False)
    op.create_index(
        "ix_jobs_waiting", "jobs", ["queue", "created_at", "id"], unique=False, postgresql_where="state = 'queued'"
    )
    op.create_table(
        "project_experts",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_project_experts_expert_id_experts")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_project_experts_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "expert_id", name=op.f("pk_project_experts")),
    )
    op.create_index("ix_project_experts_expert_id", "project_experts", ["expert_id"], unique=False)
    op.create_table(
        "series",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("uid", sa.String(length=64), nullable=True),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_series_study_id_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("uid", name=op.f("uq_series_uid")),
    )
    op.create_index("ix_series_study_id", "series", ["study_id"], unique=False)
    op.create_table(
        "images",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("nx", sa.Integer(), nullable=False),
        sa.Column("ny", sa.Integer(), nullable=False),
        sa.Column("nz", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("affine", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("geometry", sa.String(length=12), nullable=False),
        sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("slope", sa.Double(), nullable=False),
        sa.Column("intercept", sa.Double(), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("low", sa.Integer(), nullable=False),
        sa.Column("high", sa.Integer(), nullable=False),
        sa.Column("window_low", sa.Double(), nullable=False),
        sa.Column("window_high", sa.Double(), nullable=False),
        sa.Column("window_presets", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.Column("slab_depth", sa.Integer(), nullable=False),
        sa.Column("slab_sha256s", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("original_sha256s", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("source_axes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("simulated", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "geometry IN ('regular', 'sheared', 'irregular', 'uncalibrated')", name=op.f("ck_images_geometry")
        ),
        sa.CheckConstraint("channels IN (1, 3)", name=op.f("ck_images_channels")),
        sa.CheckConstraint("nx > 0 AND ny > 0 AND nz > 0", name=op.f("ck_images_grid")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_images_series_id_series")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_images_study_id_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
    )
    op.create_index("ix_images_created_at", "images", ["created_at", "id"], unique=False)
    op.create_index("ix_images_original_sha256s", "images", ["original_sha256s"], unique=False, postgresql_using="gin")
    op.create_index("ix_images_series_id", "images", ["series_id"], unique=False)
    op.create_index("ix_images_study_id", "images", ["study_id"], unique=False)
    op.create_table(
        "instances",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("sop_uid", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("position_index", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_instances_series_id_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
        sa.UniqueConstraint("sop_uid", name=op.f("uq_instances_sop_uid")),
    )
    op.create_index("ix_instances_series_id", "instances", ["series_id"], unique=False)
    op.create_table(
        "job_metrics",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_metrics_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "seq", name=op.f("pk_job_metrics")),
    )
    op.create_table(
        "model_versions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("config", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("config_sha256", sa.String(length=64), nullable=False),
        sa.Column("weights_sha256", sa.String(length=64), nullable=False),
        sa.Column("metrics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("card", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('candidate', 'live', 'retired')", name=op.f("ck_model_versions_state")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_model_versions_job_id_jobs")),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["model_versions.id"], name=op.f("fk_model_versions_parent_id_model_versions")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_model_versions_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("job_id", name=op.f("uq_model_versions_job_id")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_model_versions_project_id_number")),
    )
    op.create_index(
        "ix_model_versions_one_live", "model_versions", ["project_id"], unique=True, postgresql_where="state = 'live'"
    )
    op.create_table(
        "project_images",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_project_images_image_id_images")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_project_images_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "image_id", name=op.f("pk_project_images")),
    )
    op.create_index("ix_project_images_image_id", "project_images", ["image_id"], unique=False)
    op.create_index(
        "ix_project_images_position", "project_images", ["project_id", "position", "image_id"], unique=False
    )
    op.create_table(
        "styles",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("model_version_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("origin", sa.String(length=12), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("weights_sha256", sa.String(length=64), nullable=False),
        sa.Column("metrics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("gate", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "origin IN ('consensus', 'pretrained', 'nearest', 'row', 'adapter')", name=op.f("ck_styles_origin")
        ),
        sa.CheckConstraint("state IN ('candidate', 'live', 'retired')", name=op.f("ck_styles_state")),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_styles_expert_id_experts")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_styles_job_id_jobs")),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_versions.id"], name=op.f("fk_styles_model_version_id_model_versions")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["styles.id"], name=op.f("fk_styles_parent_id_styles")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_styles_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_styles")),
        sa.UniqueConstraint("project_id", "expert_id", "number", name=op.f("uq_styles_project_id_expert_id_number")),
    )
    op.create_index("ix_styles_job_id", "styles", ["job_id"], unique=False)
    op.create_index("ix_styles_model_version_id", "styles", ["model_version_id"], unique=False)
    op.create_table(
        "live_styles",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("style_id", sa.Uuid(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_live_styles_expert_id_experts")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_live_styles_project_id_projects")),
        sa.ForeignKeyConstraint(["style_id"], ["styles.id"], name=op.f("fk_live_styles_style_id_styles")),
        sa.PrimaryKeyConstraint("project_id", "expert_id", name=op.f("pk_live_styles")),
    )
    op.create_table(
        "segmentations",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("author", sa.String(length=12), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=True),
        sa.Column("style_id", sa.Uuid(), nullable=True),
        sa.Column("head_revision_id", sa.Uuid(), nullable=True),
        sa.Column("edit_seq", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.String(length=12), server_default="draft", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("author IN ('expert', 'model', 'consensus', 'proxy')", name=op.f("ck_segmentations_author")),
        sa.CheckConstraint("state IN ('draft', 'submitted')", name=op.f("ck_segmentations_state")),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_segmentations_expert_id_experts")),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_segmentations_image_id_images")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_segmentations_project_id_projects")),
        sa.ForeignKeyConstraint(["style_id"], ["styles.id"], name=op.f("fk_segmentations_style_id_styles")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segmentations")),
    )
    op.create_index("ix_segmentations_expert_id", "segmentations", ["project_id", "expert_id", "author"], unique=False)
    op.create_index("ix_segmentations_image_id", "segmentations", ["image_id", "project_id"], unique=False)
    op.create_index(
        "uq_segmentations_prediction",
        "segmentations",
        ["image_id", "style_id"],
        unique=True,
        postgresql_where="author = 'model'",
    )
    op.create_index(
        "uq_segmentations_reading",
        "segmentations",
        ["project_id", "image_id", "expert_id"],
        unique=True,
        postgresql_where="author = 'expert'",
    )
    op.create_table(
        "assignments",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("expert_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=12), server_default="assigned", nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("segmentation_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('assigned', 'opened', 'drafting', 'submitted', 'withdrawn')", name=op.f("ck_assignments_state")
        ),
        sa.ForeignKeyConstraint(["expert_id"], ["experts.id"], name=op.f("fk_assignments_expert_id_experts")),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_assignments_image_id_images")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_assignments_project_id_projects")),
        sa.ForeignKeyConstraint(
            ["segmentation_id"], ["segmentations.id"], name=op.f("fk_assignments_segmentation_id_segmentations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
        sa.UniqueConstraint(
            "project_id", "image_id", "expert_id", name=op.f("uq_assignments_project_id_image_id_expert_id")
        ),
    )
    op.create_index(
        "ix_assignments_expert_id", "assignments", ["expert_id", "project_id", "position", "id"], unique=False
    )
    op.create_index("ix_assignments_project_id", "assignments", ["project_id", "position", "id"], unique=False)
    op.create_table(
        "revisions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("segmentation_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("labels_sha256", sa.String(length=64), nullable=False),
        sa.Column("dtype", sa.String(length=6), nullable=False),
        sa.Column("label_volumes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("origin", sa.String(length=8), nullable=False),
        sa.Column("assisted", sa.Boolean(), nullable=False),
        sa.Column("style_id", sa.Uuid(), nullable=True),
        sa.Column("folded_seq", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("dtype IN ('uint8', 'uint16')", name=op.f("ck_revisions_dtype")),
        sa.CheckConstraint(
            "origin IN ('blank', 'import', 'fold', 'predict', 'restore')", name=op.f("ck_revisions_origin")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_revisions_created_by_users")),
        sa.ForeignKeyConstraint(["parent_id"], ["revisions.id"], name=op.f("fk_revisions_parent_id_revisions")),
        sa.ForeignKeyConstraint(
            ["segmentation_id"], ["segmentations.id"], name=op.f("fk_revisions_segmentation_id_segmentations")
        ),
        sa.ForeignKeyConstraint(["style_id"], ["styles.id"], name=op.f("fk_revisions_style_id_styles")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revisions")),
        sa.UniqueConstraint("segmentation_id", "number", name=op.f("uq_revisions_segmentation_id_number")),
    )
    op.create_index("ix_revisions_submitted_at", "revisions", ["submitted_at"], unique=False)
    op.create_table(
        "edits",
        sa.Column("segmentation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("base_revision_id", sa.Uuid(), nullable=False),
        sa.Column("tool", sa.String(length=40), nullable=False),
        sa.Column("source_revision_id", sa.Uuid(), nullable=True),
        sa.Column("undoes", sa.Uuid(), nullable=True),
        sa.Column("runs", sa.LargeBinary(), nullable=False),
        sa.Column("voxels", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["base_revision_id"], ["revisions.id"], name=op.f("fk_edits_base_revision_id_revisions")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_edits_created_by_users")),
        sa.ForeignKeyConstraint(
            ["segmentation_id"], ["segmentations.id"], name=op.f("fk_edits_segmentation_id_segmentations")
        ),
        sa.ForeignKeyConstraint(
            ["source_revision_id"], ["revisions.id"], name=op.f("fk_edits_source_revision_id_revisions")
        ),
        sa.PrimaryKeyConstraint("segmentation_id", "id", name=op.f("pk_edits")),
        sa.UniqueConstraint("segmentation_id", "seq", name=op.f("uq_edits_segmentation_id_seq")),
    )
    op.create_table(
        "style_lineage",
        sa.Column("style_id", sa.Uuid(), nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=False),
        sa.Column("use", sa.String(length=8), nullable=False),
        sa.CheckConstraint("\"use\" IN ('train', 'gate')", name=op.f("ck_style_lineage_use")),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], name=op.f("fk_style_lineage_revision_id_revisions")),
        sa.ForeignKeyConstraint(["style_id"], ["styles.id"], name=op.f("fk_style_lineage_style_id_styles")),
        sa.PrimaryKeyConstraint("style_id", "revision_id", name=op.f("pk_style_lineage")),
    )
    op.create_index("ix_style_lineage_revision_id", "style_lineage", ["revision_id"], unique=False)


def downgrade() -> None:
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM {APP}")
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM {APP}")
    op.drop_constraint(op.f("fk_segmentations_head_revision_id_revisions"), "segmentations", type_="foreignkey")
    op.drop_index("ix_style_lineage_revision_id", table_name="style_lineage")
    op.drop_table("style_lineage")
    op.drop_table("edits")
    op.drop_index("ix_revisions_submitted_at", table_name="revisions")
    op.drop_table("revisions")
    op.drop_index("ix_assignments_project_id", table_name="assignments")
    op.drop_index("ix_assignments_expert_id", table_name="assignments")
    op.drop_table("assignments")
    op.drop_index("uq_segmentations_reading", table_name="segmentations", postgresql_where="author = 'expert'")
    op.drop_index("uq_segmentations_prediction", table_name="segmentations", postgresql_where="author = 'model'")
    op.drop_index("ix_segmentations_image_id", table_name="segmentations")
    op.drop_index("ix_segmentations_expert_id", table_name="segmentations")
    op.drop_table("segmentations")
    op.drop_table("live_styles")
    op.drop_index("ix_styles_model_version_id", table_name="styles")
    op.drop_index("ix_styles_job_id", table_name="styles")
    op.drop_table("styles")
    op.drop_index("ix_project_images_position", table_name="project_images")
    op.drop_index("ix_project_images_image_id", table_name="project_images")
    op.drop_table("project_images")
    op.drop_index("ix_model_versions_one_live", table_name="model_versions", postgresql_where="state = 'live'")
    op.drop_table("model_versions")
    op.drop_table("job_metrics")
    op.drop_index("ix_instances_series_id", table_name="instances")
    op.drop_table("instances")
    op.drop_index("ix_images_study_id", table_name="images")
    op.drop_index("ix_images_series_id", table_name="images")
    op.drop_index("ix_images_original_sha256s", table_name="images", postgresql_using="gin")
    op.drop_index("ix_images_created_at", table_name="images")
    op.drop_table("images")
    op.drop_index("ix_series_study_id", table_name="series")
    op.drop_table("series")
    op.drop_index("ix_project_experts_expert_id", table_name="project_experts")
    op.drop_table("project_experts")
    op.drop_index("ix_jobs_waiting", table_name="jobs", postgresql_where="state = 'queued'")
    op.drop_index("ix_jobs_updated_at", table_name="jobs")
    op.drop_index("ix_jobs_project_id", table_name="jobs")
    op.drop_index("ix_jobs_owner_id", table_name="jobs")
    op.drop_index(
        "ix_jobs_one_personalise_waiting",
        table_name="jobs",
        postgresql_where="kind = 'personalise' AND state = 'queued'",
    )
    op.drop_index("ix_jobs_leased", table_name="jobs", postgresql_where="state = 'running'")
    op.drop_table("jobs")
    op.drop_table("import_files")
    op.drop_index("ix_studies_patient_id", table_name="studies")
    op.drop_table("studies")
    op.drop_index(op.f("ix_sessions_user_id"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_index("ix_patient_identities_hospital_id", table_name="patient_identities")
    op.drop_table("patient_identities")
    op.drop_index(op.f("ix_one_time_links_user_id"), table_name="one_time_links")
    op.drop_table("one_time_links")
    op.drop_index("ix_members_user_id", table_name="members")
    op.drop_table("members")
    op.drop_table("labels")
    op.drop_table("imports")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_table("experts")
    op.drop_index(op.f("ix_api_tokens_user_id"), table_name="api_tokens")
    op.drop_table("api_tokens")
    op.drop_table("worker_heartbeats")
    op.drop_table("users")
    op.drop_table("projects")
    op.drop_table("patients")
    op.drop_index("ix_login_failures_address_at", table_name="login_failures")
    op.drop_index("ix_login_failures_account_at", table_name="login_failures")
    op.drop_table("login_failures")
    op.drop_index(op.f("ix_audit_project_id"), table_name="audit")
    op.drop_index("ix_audit_object", table_name="audit")
    op.drop_table("audit")
    op.execute("DROP FUNCTION audit_is_append_only()")
