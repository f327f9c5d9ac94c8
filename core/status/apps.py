"""The room of the operator's status."""

from django.apps import AppConfig


class StatusConfig(AppConfig):
    """运行状态"""

    name = "core.status"
    label = "status"
    verbose_name = "运行状态"

    def ready(self) -> None:
        """Register the core's parts, the hourly measurement and who may look."""
        from core.jobs.registry import every, job
        from core.policy.types import TypePolicy, register_type
        from core.status import disk
        from core.status.parts import backups, data, record, room, servers, work
        from core.status.registry import register_part

        register_type(TypePolicy("core.status", "运行状态", 2))
        register_part("web", "网站", servers.web, order=10, needs_database=False)
        register_part("database", "数据库", servers.database, order=20, needs_database=False)
        register_part("redis", "Redis", servers.redis, order=30, needs_database=False)
        register_part("worker", "后台", work.worker, order=40)
        register_part("relay", "转送", work.relay, order=50)
        register_part("queue", "任务队列", work.queue, order=60)
        register_part("data", "数据新旧", data.ages, order=100)
        register_part("disk", "磁盘", room.room, order=110)
        register_part("clock", "时间", room.clocks, order=120)
        register_part("backup", "备份", backups.last_backup, order=130)
        register_part("drill", "恢复演练", backups.last_drill, order=140)
        register_part("log", "审计日志", record.log, order=150)
        register_part("keys", "密钥", record.keys, order=160, needs_database=False)
        job("status.sample", label="测量磁盘用量")(lambda ctx: {"places": disk.sample()})
        every(3600, "status.sample")
