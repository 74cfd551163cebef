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
    ]
