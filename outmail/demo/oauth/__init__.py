"""The practice tenant's OAuth authority: signs people and apps in, in the shape of Microsoft Entra."""
