"""What every room stands on: context, clock, ids, errors, money, expressions. No Django models here."""
