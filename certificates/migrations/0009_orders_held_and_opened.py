from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("certificates", "0008_newest"),
    ]

    operations = [
        migrations.AddField(
            model_name="caaccount",
            name="orders_held",
            field=models.JSONField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="caaccount",
            name="opened_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
