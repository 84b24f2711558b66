"""The processes that compute: Celery's doorbell, the desk that takes jobs, the resident device, the training children."""
