from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("resources", "0002_record_and_exports")]

    operations = [
        migrations.AddField(
            model_name="exportrequest",
            name="reach",
            field=models.CharField(blank=True, default="", max_length=64, verbose_name="制作时的权限"),
        ),
    ]
